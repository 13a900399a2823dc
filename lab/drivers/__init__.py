"""Drivers that turn one machine into a cloud: containers as servers, bridges as networks, files as volumes.

nova, neutron and cinder run unchanged; each loads one driver from here:

- ``lab.drivers.nova`` boots every server as a guest of ``lab.machine``;
- ``lab.drivers.neutron`` binds every port and writes what neutron wants, whole, into ``STATE/network/desired.json``;
- ``lab.drivers.network`` reads that file and makes it so: the agent runs beside the services, holds no state of its
  own, and repairs whatever differs, so killing any of the processes loses nothing;
- ``lab.drivers.cinder`` keeps volumes as sparse files.

``lab.drivers.cleanup`` takes everything away again.
"""
