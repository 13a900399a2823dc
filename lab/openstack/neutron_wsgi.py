"""Neutron's API with its policies loaded before the first request.

Neutron loads them during its first request; a second one that arrives meanwhile is refused by half-loaded rules.
"""

from neutron import policy
from neutron.wsgi.api import application

__all__ = ["application"]

policy.init()
