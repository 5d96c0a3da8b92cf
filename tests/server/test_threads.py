"""Other threads: what belongs to the server's own is refused there, with what to write instead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from simrt.clock import live_clock
from simrt.errors import UsageError
from simrt.server import Call, Server, Site
from tests.server.rig import SHAPE, TOKENS, rig, virtual

EDITOR = TOKENS["shop"]["editor"]


def elsewhere(work: Callable[[], object]) -> str:
    """What this raises in a thread of its own, as text; empty where it raises nothing."""
    said = []

    def run() -> None:
        try:
            work()
        except UsageError as error:
            said.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return "".join(said)


@virtual
async def test_a_send_from_another_thread_is_refused_and_harms_nobody() -> None:
    said = []
    site = Site("shop")
    site.stream("/news", channel="news", permission="public", events={"changed": SHAPE})

    @site.hook("POST", "/content", permission="token:editor", sends=["changed"])
    def content(call: Call) -> None:
        said.extend(elsewhere(lambda: call.send("changed", {"id": "thread"})) for _ in range(20))
        assert call.sent == []
        call.send("changed", call.data)

    on = await rig(site)
    client = await on.subscribe()
    for _ in range(3):
        assert (await on.ask("POST", "/shop/content", b'{"id":"7"}', token=EDITOR)).answer.json[
            "offered"
        ] == 1
    assert client.seqs == [1, 2, 3]
    assert len(said) == 60
    assert len(set(said)) == 1
    assert said[0] == (
        "send was called in another thread than the server's; let the thread return, then send:"
        " `data = await asyncio.to_thread(work)`, and `call.send(…)` after it"
    )


def test_work_in_a_thread_and_the_send_after_it() -> None:
    """What the sentence says to write works."""

    async def main() -> None:
        site = Site("shop")
        site.stream("/news", channel="news", permission="public", events={"changed": SHAPE})
        sent = []

        @site.hook("POST", "/content", permission="public", sends=["changed"])
        async def content(call: Call) -> None:
            data = await asyncio.to_thread(lambda: {"id": str(threading.get_ident())})
            sent.append(call.send("changed", data))

        server = Server(site, live_clock())
        hook = site.hooks[0]
        call = Call(None, {}, 1, server.clock.wall(), lambda *event: server.send(hook, *event))
        await hook.handler(call)
        assert [each.seq for each in sent] == [1]

    asyncio.run(main())


@virtual
async def test_credentials_are_revoked_by_the_servers_own_thread() -> None:
    on = await rig()
    server = on.server
    for verb, act in (("revoke", server.revoke), ("restore", server.restore)):
        said = elsewhere(lambda act=act: act("shop", "token:editor"))  # type: ignore[misc]
        assert said.startswith(f"{verb} was called in another thread than the server's; write")
        assert f"server.loop.call_soon_threadsafe(server.{verb}, project, credential)" in said
    assert (await on.post()).status == 200

    def as_it_says() -> None:
        server.loop.call_soon_threadsafe(server.revoke, "shop", "token:editor")

    assert elsewhere(as_it_says) == ""
    await asyncio.sleep(1)
    assert (await on.post()).status == 401
