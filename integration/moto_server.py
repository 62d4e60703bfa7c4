"""moto's server, with requests that take turns.

It looks whether an object is there and puts afterwards: of those who put at once with `If-None-Match` several would win.

usage: moto_server.py -H HOST -p PORT
"""

import threading

from moto import server

turn = threading.Lock()
run_simple = server.run_simple


def run_in_turn(host, port, app, **options):
    def one_at_a_time(environ, start_response):
        with turn:
            return list(app(environ, start_response))

    run_simple(host, port, one_at_a_time, **options)


server.run_simple = run_in_turn
server.main()
