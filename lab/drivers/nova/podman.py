"""nova compute driver: every server is a systemd container that behaves as a virtual machine (lab.machine.guest)."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nova.conf
from nova import exception
from nova.compute import power_state
from nova.image import glance
from nova.virt import driver, event, hardware
from oslo_concurrency import lockutils

from lab.drivers.network import ports
from lab.drivers.nova import inventory, translate, watcher
from lab.machine import guest as guests
from lab.machine import podman, seed
from lab.machine.volumes import Attachment, release, resize

CONF = nova.conf.CONF


class PodmanDriver(driver.ComputeDriver):
    """Compute driver of the lab. Several services may share one machine: each knows the guests it owns."""

    capabilities = driver.ComputeDriver.capabilities | {
        "supports_image_type_raw": True,
        "supports_extend_volume": True,
        "supports_attach_interface": False,
    }

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi)
        self._host = CONF.host
        self._images: dict[str, str] = {}

    def init_host(self, host: str) -> None:
        """Begin to serve: watch for guests that reboot themselves or die."""
        self._host = host
        for guest in self._own():
            if guests.is_running(guest) and not guests.is_plugged(guest):
                # Without a network it is worth nothing; nova resumes it once it is down.
                podman.settle(guest.container)
        looking = watcher.Watcher(host, self._lock, self._report_end)
        threading.Thread(target=looking.run, name="watcher", daemon=True).start()

    def get_available_nodes(self, refresh: bool = False) -> list[str]:
        """One node, the host itself."""
        return [self._host]

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        """The node by the identity that nova_compute seeded."""
        return {Path(CONF.state_path, "compute_id").read_text(encoding="utf-8").strip(): self._host}

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        """What nova's own tables hold about the node."""
        return {"uuid": next(iter(self.get_nodenames_by_uuid())), **inventory.hypervisor(self._host)}

    def update_provider_tree(self, provider_tree: Any, nodename: str, allocations: Any = None) -> None:
        """Tell placement what the host offers."""
        provider_tree.update_inventory(nodename, inventory.inventory(self._host))

    def list_instances(self) -> list[str]:
        """Names of the servers on this host."""
        return [guest.name for guest in self._own()]

    def list_instance_uuids(self) -> list[str]:
        """Identities of the servers on this host."""
        return [guest.uuid for guest in self._own()]

    def get_info(self, instance: Any, use_cache: bool = True) -> hardware.InstanceInfo:
        """Whether the server runs."""
        guest = self._guest(instance)
        return hardware.InstanceInfo(state=power_state.RUNNING if guests.is_running(guest) else power_state.SHUTDOWN)

    def instance_exists(self, instance: Any) -> bool:
        """Whether the server has a guest here."""
        return guests.load(instance.uuid) is not None

    def spawn(
        self,
        context: Any,
        instance: Any,
        image_meta: Any,
        injected_files: Any,
        admin_password: Any,
        allocations: Any,
        network_info: Any = None,
        block_device_info: Any = None,
        power_on: bool = True,
        accel_info: Any = None,
    ) -> None:
        """Make the server's guest and boot it."""
        with self._lock(instance.uuid):
            guest = guests.Guest(
                uuid=instance.uuid,
                name=translate.container_name(instance.display_name),
                image=self._image(context, image_meta.id),
                nics=translate.nics(network_info or []),
                volumes=_attachments(block_device_info),
                gpus=translate.gpus(instance.flavor.extra_specs),
                owner=self._host,
            )
            if podman.exists(guest.container):
                guest = dataclasses.replace(guest, suffix=f"-{instance.uuid[:8]}")
            try:
                seed.write(translate.seed(instance, network_info or []), guest.folder / "seed")
                guests.create(guest)
                if power_on:
                    guests.start(guest, ports.arm)
            except Exception:
                guests.remove(guest)
                raise

    def destroy(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        destroy_disks: bool = True,
        destroy_secrets: bool = True,
    ) -> None:
        """Remove the server's guest, whatever is left of it."""
        with self._lock(instance.uuid):
            guest = guests.load(instance.uuid)
            if guest is not None:
                guests.remove(guest)

    def cleanup(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        destroy_disks: bool = True,
        migrate_data: Any = None,
        destroy_vifs: bool = True,
        destroy_secrets: bool = True,
    ) -> None:
        """As destroy: nothing of a guest stays elsewhere."""
        self.destroy(context, instance, network_info, block_device_info)

    def power_off(self, instance: Any, timeout: int = 0, retry_interval: int = 0) -> None:
        """Shut the server down, by force after ``timeout`` seconds."""
        with self._lock(instance.uuid):
            guests.stop(self._guest(instance), seconds=timeout)

    def power_on(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        accel_info: Any = None,
        share_info: Any = None,
    ) -> None:
        """Boot the server unless it runs, with the volumes that cinder says it has."""
        with self._lock(instance.uuid):
            guest = dataclasses.replace(self._guest(instance), volumes=_attachments(block_device_info))
            if not guests.is_running(guest):
                guests.start(guest, ports.arm)

    def reboot(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        reboot_type: str,
        block_device_info: Any = None,
        bad_volumes_callback: Any = None,
        accel_info: Any = None,
        share_info: Any = None,
    ) -> None:
        """Power the server off, in order or by force, and on."""
        self.power_off(instance, timeout=30 if reboot_type == "SOFT" else 0)
        self.power_on(context, instance, network_info, block_device_info)

    def resume_state_on_host_boot(
        self, context: Any, instance: Any, network_info: Any, share_info: Any, block_device_info: Any = None
    ) -> None:
        """Boot a server that ran before everything here was killed, even if its container is gone."""
        self.power_on(context, instance, network_info, block_device_info)

    def default_root_device_name(self, instance: Any, image_meta: Any, root_bdm: Any) -> str:
        """The name of the root disk, from which nova derives those of the volumes: /dev/vdb and so on."""
        return "/dev/vda"

    def get_volume_connector(self, instance: Any) -> dict[str, Any]:
        """Volumes are files of this machine: nothing to negotiate."""
        return {"host": self._host, "ip": CONF.my_ip, "initiator": "", "multipath": False, "os_type": "linux"}

    def attach_volume(
        self,
        context: Any,
        connection_info: Any,
        instance: Any,
        mountpoint: str,
        disk_bus: Any = None,
        device_type: Any = None,
        encryption: Any = None,
    ) -> None:
        """Make the volume appear in the server, running or not."""
        with self._lock(instance.uuid):
            guests.attach(self._guest(instance), translate.attachment(connection_info, mountpoint))

    def detach_volume(
        self, context: Any, connection_info: Any, instance: Any, mountpoint: str, encryption: Any = None
    ) -> None:
        """Make the volume disappear from the server."""
        with self._lock(instance.uuid):
            attachment = translate.attachment(connection_info, mountpoint)
            guest = guests.load(instance.uuid)
            if guest is not None:
                guests.detach(guest, attachment)
            release(attachment.file)

    def extend_volume(self, context: Any, connection_info: Any, instance: Any, requested_size: int) -> None:
        """Let the server see that its volume has grown."""
        resize(connection_info["data"]["path"])

    def get_console_output(self, context: Any, instance: Any) -> bytes:
        """What the server wrote to its console."""
        return podman.podman("logs", "--tail=2000", self._guest(instance).container, check=False).encode()

    def get_host_ip_addr(self) -> str:
        """The address of this host."""
        return str(CONF.my_ip)

    def get_host_uptime(self) -> str:
        """How long this host has been up."""
        return Path("/proc/uptime").read_text(encoding="utf-8")

    def plug_vifs(self, instance: Any, network_info: Any) -> None:
        """Nothing: cables are laid whenever the guest boots."""

    def unplug_vifs(self, instance: Any, network_info: Any) -> None:
        """Nothing: cables go with the guest's network namespace."""

    def _report_end(self, uuid: str) -> None:
        self.emit_event(event.LifecycleEvent(uuid, event.EVENT_LIFECYCLE_STOPPED))

    def _own(self) -> Iterator[guests.Guest]:
        return guests.known(self._host)

    @staticmethod
    def _guest(instance: Any) -> guests.Guest:
        guest = guests.load(instance.uuid)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return guest

    def _image(self, context: Any, image: str) -> str:
        if image not in self._images:
            self._images[image] = b"".join(glance.API().download(context, image)).decode().strip()
        return self._images[image]

    @staticmethod
    def _lock(uuid: str) -> Any:
        return lockutils.lock(f"ai-infn-lab-{uuid}")


def _attachments(block_device_info: Any) -> tuple[Attachment, ...]:
    mapping = driver.block_device_info_get_mapping(block_device_info)
    return tuple(translate.attachment(disk["connection_info"], disk["mount_device"]) for disk in mapping)
