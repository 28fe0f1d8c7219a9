"""The networks of real processes that the integration tests are made of."""

from tests.integration.conftest import peers, trained

__all__ = ["peers", "trained"]
