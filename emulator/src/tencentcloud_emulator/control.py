"""The control API: what happened, and making things happen that no client can ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from .cloud import Cloud
from .control_io import Refused, body_of, refusals, reply, send_follow, send_lines, whole
from .faults import Fault, MalformedFault
from .record import RUNNING, MachineRecord
from .settings import UnknownSetting


class Control:
    """Serves the control API. `reset` puts everything back as it was at the start."""

    def __init__(self, cloud: Cloud, reset: Callable[[], Awaitable[None]]) -> None:
        self._cloud = cloud
        self._reset = reset
        self._runner: web.AppRunner | None = None

    def application(self) -> web.Application:
        app = web.Application(middlewares=[refusals])
        app.add_routes(
            [
                web.get("/calls", self.calls),
                web.get("/counts", self.counts),
                web.get("/machines", self.machines),
                web.get("/machines/{id}", self.machine),
                web.get("/machines/{id}/user-data", self.user_data),
                web.get("/machines/{id}/console", self.console),
                web.post("/machines/{id}/{deed}", self.do_to_machine),
                web.get("/faults", self.faults),
                web.post("/faults", self.add_fault),
                web.delete("/faults", self.clear_faults),
                web.post("/stock", self.set_stock),
                web.get("/settings", self.settings),
                web.post("/settings", self.change_settings),
                web.post("/tokens/forget", self.forget_tokens),
                web.post("/reset", self.reset),
            ]
        )
        return app

    async def serve(self, host: str, port: int) -> int:
        self._runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def calls(self, request: web.Request) -> web.StreamResponse:
        """The log as JSON lines; `?since=<seq>`, `?action=RunInstances` or `?action=cos:*`."""
        since = whole(request.query.get("since", "0"))
        found = list(self._cloud.calls.since(since, request.query.get("action")))
        return await send_lines(request, (call.as_json() for call in found))

    async def counts(self, request: web.Request) -> web.Response:
        return reply(self._cloud.calls.counts())

    async def machines(self, request: web.Request) -> web.StreamResponse:
        """Every machine as JSON lines; with `?follow=1` on and on, each again when it changes."""
        fleet = self._cloud.fleet
        records = [*fleet.gone.values(), *fleet.listed.values()]
        if request.query.get("follow") not in ("1", "true"):
            return await send_lines(request, (record.as_json() for record in records))
        return await send_follow(request, fleet.changes.follow(records))

    async def machine(self, request: web.Request) -> web.Response:
        return reply(self._find(request).as_json())

    async def user_data(self, request: web.Request) -> web.Response:
        """The decoded user data; empty when there is none."""
        return web.Response(body=self._find(request).spec.user_data or b"")

    async def console(self, request: web.Request) -> web.StreamResponse:
        """What the machine has printed so far."""
        record = self._find(request)
        path = self._cloud.fleet.runtime.console(record.instance_id)
        if path is None or not path.exists():
            raise Refused(404, f"{record.instance_id} has printed nothing")
        return web.FileResponse(path)

    async def do_to_machine(self, request: web.Request) -> web.Response:
        record, deed = self._find(request), request.match_info["deed"]
        wanted, fleet = await body_of(request), self._cloud.fleet
        if record.gone:
            raise Refused(409, f"{record.instance_id} is gone")
        if deed == "kill":
            fleet.kill(_running(record))
        elif deed == "panic":
            fleet.panic(_running(record))
        elif deed == "thaw":
            fleet.thaw(record)
        elif deed == "reclaim":
            fleet.reclaim(_spot(record), self._reclaim_seconds(wanted))
        elif deed == "vanish":
            fleet.vanish(record, wanted.get("keepRunning") is True)
        else:
            raise Refused(404, f"nothing called {deed} can be done to a machine")
        return reply(record.as_json())

    async def faults(self, request: web.Request) -> web.Response:
        faults = self._cloud.faults
        stock = [{"zone": z, "instanceType": t, "left": n} for (z, t), n in faults.stock.items()]
        return reply({"faults": [fault.as_json() for fault in faults.pending], "stock": stock})

    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = Fault.parse(await body_of(request))
        except MalformedFault as error:
            raise Refused(400, str(error)) from error
        self._cloud.faults.add(fault)
        return reply(fault.as_json())

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._cloud.faults.clear()
        return reply({})

    async def set_stock(self, request: web.Request) -> web.Response:
        """`{zone, instanceType, left}`: so many can still be had; `left` null: any number."""
        wanted = await body_of(request)
        zone, kind = str(wanted.get("zone")), str(wanted.get("instanceType", "*"))
        left = wanted.get("left")
        world, stock = self._cloud.catalogue, self._cloud.faults.stock
        if zone not in world.zones or (kind != "*" and kind not in world.types):
            raise Refused(400, f"there is no {kind} in {zone}")
        if left is None:
            stock.pop((zone, kind), None)
        elif isinstance(left, int) and left >= 0:
            stock[zone, kind] = left
        else:
            raise Refused(400, f"left cannot be {left!r}")
        return reply({"zone": zone, "instanceType": kind, "left": left})

    async def settings(self, request: web.Request) -> web.Response:
        return reply(self._cloud.settings.as_json())

    async def change_settings(self, request: web.Request) -> web.Response:
        try:
            self._cloud.settings.change(await body_of(request))
        except UnknownSetting as error:
            raise Refused(400, str(error)) from error
        return reply(self._cloud.settings.as_json())

    async def forget_tokens(self, request: web.Request) -> web.Response:
        """`{token}`: forgets this ClientToken, or all of them."""
        wanted = await body_of(request)
        return reply({"forgotten": self._cloud.tokens.forget(wanted.get("token"))})

    async def reset(self, request: web.Request) -> web.Response:
        await self._reset()
        return reply({})

    def _find(self, request: web.Request) -> MachineRecord:
        instance_id = request.match_info["id"]
        if record := self._cloud.fleet.find(instance_id):
            return record
        raise Refused(404, f"there is no machine {instance_id}")

    def _reclaim_seconds(self, wanted: Mapping[str, Any]) -> float:
        seconds = wanted.get("seconds", self._cloud.settings.reclaim_seconds)
        if not isinstance(seconds, int | float) or seconds < 0:
            raise Refused(400, f"seconds cannot be {seconds!r}")
        return seconds


def _running(record: MachineRecord) -> MachineRecord:
    if record.state != RUNNING:
        raise Refused(409, f"{record.instance_id} is {record.state}, not RUNNING")
    return record


def _spot(record: MachineRecord) -> MachineRecord:
    if record.spec.charge_type != "SPOTPAID":
        raise Refused(409, f"{record.instance_id} is {record.spec.charge_type}, not SPOTPAID")
    return record
