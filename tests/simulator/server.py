"""HTTP: reads requests, delivers answers as their faults say, keeps connections alive."""

import json
import socket
import struct
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .wire import CORAL, ServiceError


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections.add(self.connection)
        if self.server.tls:
            self.connection.do_handshake()  # here, as accept() must not wait for a client

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass  # the client is gone

    def do_POST(self):
        raw = self.rfile.read(int(self.headers['Content-Length']))
        try:
            body = json.loads(raw)
        except ValueError:
            answer = ServiceError('SerializationException', namespace=CORAL).answer()
        else:
            answer = self.server.respond(self.headers.get('X-Amz-Target', ''), body, dict(self.headers))
        try:
            self.deliver(answer)
        except OSError:
            self.close_connection = True  # the client went away before the answer

    def deliver(self, answer):
        if answer.delay and self.server.stopping.wait(answer.delay):
            answer.delivery = 'closed'
        while answer.held_until and not answer.held_until.wait(0.05):
            if self.server.stopping.is_set():
                answer.delivery = 'closed'
                break
        if answer.delivery in ('closed', 'reset'):
            self.close_connection = True
            if answer.delivery == 'reset':
                self.reset()
            return
        head = [f'HTTP/1.1 {answer.status} {self.responses.get(answer.status, ("",))[0]}',
                f'Date: {self.date_time_string(self.server.now())}', f'x-amzn-RequestId: {uuid.uuid4().hex.upper()}',
                f'Content-Length: {len(answer.body)}', *(f'{name}: {value}' for name, value in answer.headers.items())]
        body = answer.body
        if answer.delivery == 'truncated':
            self.close_connection = True
            body = body[:len(body) // 2]
        self.wfile.write('\r\n'.join(head).encode() + b'\r\n\r\n' + body)

    def reset(self):
        """Closing with a linger time of zero sends RST instead of FIN (socket(7), SO_LINGER)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.server.resetting.add(self.connection)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port, respond, now, tls=None):
        super().__init__(('127.0.0.1', port), Handler)
        self.respond, self.now, self.tls = respond, now, tls
        self.accepted = 0  # connections
        self.connections, self.resetting = set(), set()
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True)
        self._thread.start()

    def get_request(self):
        connection, address = super().get_request()
        self.accepted += 1
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def shutdown_request(self, request):
        self.connections.discard(request)
        if request in self.resetting:
            self.resetting.discard(request)
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        pass  # clients that go away are part of the game

    def stop(self):
        """Closes the port and every connection."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
