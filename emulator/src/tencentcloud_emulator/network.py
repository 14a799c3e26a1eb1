"""Private addresses: given out from a subnet, and free again once an instance is gone."""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Mapping

from .catalogue import Subnet


class AddressTaken(Exception):
    """The address asked for is in use or not in the subnet."""


class Addresses:
    """The free addresses of each subnet. A freed one is given out last."""

    def __init__(self, subnets: Mapping[str, Subnet]) -> None:
        self._subnets = subnets
        self.clear()

    def clear(self) -> None:
        self._fresh = {name: iter(subnet.addresses) for name, subnet in self._subnets.items()}
        self._freed: dict[str, deque[int]] = {name: deque() for name in self._subnets}
        self._used: dict[str, set[int]] = {name: set() for name in self._subnets}

    def left(self, subnet_id: str) -> int:
        return len(self._subnets[subnet_id].addresses) - len(self._used[subnet_id])

    def take(self, subnet_id: str) -> str:
        """The next free address; call it only when one is left."""
        used = self._used[subnet_id]
        number = next((n for n in self._fresh[subnet_id] if n not in used), None)
        while number is None:
            freed = self._freed[subnet_id].popleft()
            number = freed if freed not in used else None
        used.add(number)
        return str(ipaddress.IPv4Address(number))

    def free(self, subnet_id: str, address: str) -> bool:
        """Whether this address can be had."""
        number = int(ipaddress.IPv4Address(address))
        return number in self._subnets[subnet_id].addresses and number not in self._used[subnet_id]

    def take_this(self, subnet_id: str, address: str) -> str:
        self._used[subnet_id].add(int(ipaddress.IPv4Address(address)))
        return address

    def give_back(self, subnet_id: str, address: str) -> None:
        number = int(ipaddress.IPv4Address(address))
        self._used[subnet_id].discard(number)
        self._freed[subnet_id].append(number)
