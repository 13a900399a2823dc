"""Neutron's API with its policies loaded before the first request.

Neutron loads them during the first request, and a second one that arrives meanwhile is refused by the half-loaded rules.
"""

from neutron import policy
from neutron.wsgi.api import application

__all__ = ["application"]

policy.init()
