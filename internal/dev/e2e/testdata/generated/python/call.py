"""Asks for the dashboards with a client that openapi-python-client has generated."""

import sys

from client import AuthenticatedClient
from client.api.dashboards import get_dashboards
from client.models import ErrorBody

answer = get_dashboards.sync(client=AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2]))
assert answer is not None and not isinstance(answer, ErrorBody), answer
for board in answer.data:
    print(board.sub_account_id)
