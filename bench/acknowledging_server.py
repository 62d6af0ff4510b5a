"""A server that says of every BatchWriteItem at once that all is written, and keeps nothing: what is measured against it
is the client. In a process of its own."""

import asyncio
import json
import multiprocessing
import zlib

TABLE = {'Table': {'TableName': 'push', 'TableStatus': 'ACTIVE', 'TableArn': 'arn:aws:dynamodb:us-east-1:123456789012:table/push',
                   'TableId': 'push', 'ItemCount': 0, 'TableSizeBytes': 0,
                   'KeySchema': [{'AttributeName': 'pk', 'KeyType': 'HASH'}],
                   'AttributeDefinitions': [{'AttributeName': 'pk', 'AttributeType': 'S'}]}}
WRITTEN = {'UnprocessedItems': {}, 'ConsumedCapacity': [{'TableName': 'push', 'CapacityUnits': 25.0}]}


def answer(value):
    body = json.dumps(value).encode()
    head = (f'HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n'
            f'x-amz-crc32: {zlib.crc32(body)}\r\n\r\n')
    return head.encode() + body


DESCRIBED, DONE = answer(TABLE), answer(WRITTEN)


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, b''

    def data_received(self, data):
        self.data += data
        while (end := self.data.find(b'\r\n\r\n')) >= 0:
            head = self.data[:end].lower()
            at = head.index(b'content-length:') + len(b'content-length:')
            length = int(head[at:].split(b'\r\n', 1)[0])
            if len(self.data) < end + 4 + length:
                return
            self.data = self.data[end + 4 + length:]
            self.transport.write(DESCRIBED if b'describetable' in head else DONE)


def serve(port):
    async def run():
        server = await asyncio.get_running_loop().create_server(Connection, '127.0.0.1', 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()
    asyncio.run(run())


class AcknowledgingServer:
    def __enter__(self):
        mine, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        self.endpoint = f'http://127.0.0.1:{mine.recv()}'
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.join()
