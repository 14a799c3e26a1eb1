"""Everything the emulated cloud is made of, in one place for the services to reach."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from .account import Account
from .calls import CallLog
from .catalogue import Catalogue
from .clock import Clock, Timers
from .faults import Faults
from .fleet import Fleet
from .network import Addresses
from .settings import Settings
from .tokens import ClientTokens


@dataclass(slots=True)
class Cloud:
    """One account's cloud. `rng` makes ids."""

    account: Account
    catalogue: Catalogue
    clock: Clock
    timers: Timers
    settings: Settings
    addresses: Addresses
    fleet: Fleet
    rng: random.Random
    calls: CallLog = field(default_factory=CallLog)
    faults: Faults = field(default_factory=Faults)
    tokens: ClientTokens = field(default_factory=ClientTokens)
