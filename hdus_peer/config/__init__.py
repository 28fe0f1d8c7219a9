"""Configuration of a peer: a TOML file < environment `HDUS_*` < flags, checked once, frozen, every number bounded.

Rules
1. A section is a frozen model; every number states its bounds, every name ends in its unit. What is not known is an
   error, in the file as in the environment: a misspelt limit must not silently be the default one.
2. An error names key, value, where the value came from and what is allowed.
3. In the environment `__` parts section and key (`HDUS_TIMING__HEARTBEAT_INTERVAL_S=2`); lists are written with commas.
4. Importing this costs about 0.1 s: commands that only talk to a daemon do without it.

Modules: `sections` (the keys), `layers` (where values come from), `keys` (every key with its meaning and bounds, read
off the models), `shown` (values with their origins), `template` (a configuration file with all of it as comments).
Absent on purpose: the task (it travels in the credentials) and anything secret.
"""

from hdus_peer.config.layers import load_config
from hdus_peer.config.sections import (
    Config,
    DataSection,
    DistilSection,
    LimitsSection,
    LogSection,
    NetworkSection,
    PredictSection,
    Section,
    TimingSection,
    TrainSection,
)

__all__ = (
    "Config",
    "DataSection",
    "DistilSection",
    "LimitsSection",
    "LogSection",
    "NetworkSection",
    "PredictSection",
    "Section",
    "TimingSection",
    "TrainSection",
    "load_config",
)
