"""The stage of the contract suite, for every discovery's tests."""

from tests.contracts.discovery import stage

__all__ = ["stage"]
