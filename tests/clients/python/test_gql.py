"""The gateway behind Python's gql: aiohttp for questions, WebSocket for subscriptions."""

import asyncio
import itertools
import logging
import unittest

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from tenacity import retry, wait_fixed

from world import AGAIN, DEADLINE, World

# gql leaves a task behind when a connection that met an error is closed; asyncio fills pages with it.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)

ACCOUNT = """
query Account($id: ID!) {
  account(id: $id) {
    id
    dataStatus
    balance { minor currency }
    transactions(first: 5) { nodes { id } freshness { state } }
  }
}
"""

INITIATE = """
mutation Initiate($input: InitiateReauthInput!) {
  initiateReauth(input: $input) {
    reauth { id reference status url }
    errors { code }
  }
}
"""

DATA_STATUS = """
subscription DataStatus($id: ID, $after: String) {
  dataStatusChanged(accountId: $id, after: $after) { cursor kind to }
}
"""


def asked(document, **variables):
    request = gql(document)
    request.variable_values = variables
    return request


class Listener:
    """A subscription's events, each waited for."""

    def __init__(self, session, **variables):
        self._stream = session.subscribe(asked(DATA_STATUS, **variables))
        self.cursor = variables.get("after")

    async def next(self):
        """Kind and status of the next event."""
        result = await asyncio.wait_for(anext(self._stream), DEADLINE)
        event = result["dataStatusChanged"]
        self.cursor = event["cursor"]
        return event["kind"], event["to"]

    async def close(self):
        await self._stream.aclose()


def codes(error):
    return [each["extensions"]["code"] for each in error.errors]


def websockets_transport(url):
    # Left to itself it looks for the answer's Sec-WebSocket-Protocol in just this case, although
    # the names of headers have none, and takes the gateway for a server of the older protocol.
    return WebsocketsTransport(url, subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL])


SOCKETS = (websockets_transport, AIOHTTPWebsocketsTransport)


class Questions(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.stop)
        cls.account, cls.other, *_ = cls.world.accounts()

    def transports(self):
        return [
            AIOHTTPTransport(self.world.graphql),
            *(transport(self.world.socket) for transport in SOCKETS),
        ]

    async def test_a_query_is_answered_by_every_transport(self):
        for transport in self.transports():
            with self.subTest(type(transport).__name__):
                async with Client(transport=transport) as session:
                    data = await session.execute(asked(ACCOUNT, id=self.account))
                account = data["account"]
                self.assertEqual(account["id"], self.account)
                self.assertEqual(account["dataStatus"], "AVAILABLE")
                self.assertEqual(len(account["transactions"]["nodes"]), 5)

    async def test_a_mutation_is_answered_by_every_transport(self):
        for transport in self.transports():
            with self.subTest(type(transport).__name__):
                async with Client(transport=transport) as session:
                    request = asked(INITIATE, input={"accountId": self.other})
                    data = await session.execute(request)
                self.assertEqual(data["initiateReauth"]["errors"], [])
                self.assertEqual(data["initiateReauth"]["reauth"]["status"], "LINK_ISSUED")

    async def test_the_schema_that_it_fetches_knows_the_documents(self):
        transport = AIOHTTPTransport(self.world.graphql)
        client = Client(transport=transport, fetch_schema_from_transport=True)
        async with client as session:
            # From here on each document is validated before it is sent.
            await session.execute(asked(ACCOUNT, id=self.account))
            self.assertIsNotNone(client.schema.type_map.get("ReauthSession"))
            client.validate(gql(DATA_STATUS))

    async def test_errors_come_with_their_codes_by_every_transport(self):
        refused = {"accountId": self.account, "redirectUrl": "javascript:alert(1)"}
        for request, code in [
            (asked(ACCOUNT, id="unknown"), "NOT_FOUND"),
            (asked("{ noSuchField }"), "GRAPHQL_VALIDATION_FAILED"),
            (asked(ACCOUNT), "BAD_USER_INPUT"),
            (asked(INITIATE, input=refused), "BAD_USER_INPUT"),
        ]:
            for transport in self.transports():
                with self.subTest(type(transport).__name__, code=code):
                    async with Client(transport=transport) as session:
                        with self.assertRaises(TransportQueryError) as raised:
                            await session.execute(request)
                    self.assertEqual(codes(raised.exception), [code])


class Subscriptions(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.stop)
        self.account = self.world.accounts()[0]

    async def test_it_tells_changes_in_order_beside_other_operations(self):
        for transport in SOCKETS:
            transport = transport(self.world.socket)
            with self.subTest(type(transport).__name__):
                async with Client(transport=transport) as session:
                    self.assertEqual(transport.subprotocol, "graphql-transport-ws")
                    await session.execute(asked(ACCOUNT, id=self.account))
                    told = Listener(session, id=self.account)
                    self.assertEqual(await told.next(), ("SNAPSHOT", "AVAILABLE"))
                    for status in ["PARTIAL", "AVAILABLE"]:
                        self.world.tell(self.account, status)
                        self.assertEqual(await told.next(), ("CHANGE", status))
                    # The connection stays of use once the subscription is over.
                    await told.close()
                    data = await session.execute(asked(ACCOUNT, id=self.account))
                    self.assertEqual(data["account"]["dataStatus"], "AVAILABLE")

    async def test_over_http_it_comes_in_many_parts(self):
        async with Client(transport=SOCKETS[0](self.world.socket)) as session:
            await session.execute(asked(ACCOUNT, id=self.account))
            here = Listener(session, id=self.account)
            await here.next()
            await here.close()

        async def keep_telling():
            for status in itertools.cycle(["PARTIAL", "FAILED"]):
                await asyncio.to_thread(self.world.tell, self.account, status)

        # aiohttp hands a part on only once more has come behind it: without more news that would
        # be a heartbeat.
        telling = asyncio.create_task(keep_telling())
        async with Client(transport=AIOHTTPTransport(self.world.graphql)) as session:
            told = Listener(session, id=self.account, after=here.cursor)
            for status in ["PARTIAL", "FAILED"]:
                self.assertEqual(await told.next(), ("CHANGE", status))
            await told.close()
        telling.cancel()

    async def test_one_that_cannot_start_tells_why(self):
        for transport in SOCKETS:
            with self.subTest(transport.__name__):
                async with Client(transport=transport(self.world.socket)) as session:
                    with self.assertRaises(TransportQueryError) as raised:
                        await Listener(session, after="no cursor").next()
                    self.assertEqual(codes(raised.exception), ["BAD_USER_INPUT"])

    async def test_a_client_that_reconnects_goes_on_where_it_was(self):
        for transport in SOCKETS:
            with self.subTest(transport.__name__):
                client = Client(transport=transport(self.world.socket))
                session = await client.connect_async(
                    reconnecting=True, retry_connect=retry(wait=wait_fixed(AGAIN))
                )
                await session.execute(asked(ACCOUNT, id=self.account))
                told = Listener(session, id=self.account)
                self.assertEqual(await told.next(), ("SNAPSHOT", "AVAILABLE"))

                self.world.stop_gateway()
                # gql says that the connection is gone and makes another; to subscribe anew is ours.
                with self.assertRaises(TransportConnectionFailed):
                    await told.next()
                self.world.start_gateway()
                # Mono's news comes while nobody listens.
                self.world.tell(self.account, "PARTIAL")
                await session.execute(asked("{ gateway { mode } }"))
                told = Listener(session, id=self.account, after=told.cursor)
                self.assertEqual(await told.next(), ("CHANGE", "PARTIAL"))
                self.world.tell(self.account, "AVAILABLE")
                self.assertEqual(await told.next(), ("CHANGE", "AVAILABLE"))
                await told.close()
                await client.close_async()


if __name__ == "__main__":
    unittest.main()
