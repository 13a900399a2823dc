"""cinder volume driver of the lab: a volume is a sparse file, which a guest gets as a loop device."""

from __future__ import annotations

import shutil
from typing import Any

from cinder import interface
from cinder.volume import driver

from lab.drivers.cinder import files
from lab.machine import volumes

PROTOCOL = "ai_infn_lab_loop"
GIB = files.GIB


@interface.volumedriver
class LoopDriver(driver.VolumeDriver):
    """Volumes and snapshots in ``STATE/volumes``; data stays until the volume is deleted."""

    VERSION = "1.0"
    CI_WIKI_NAME = "none"

    def do_setup(self, context: Any) -> None:
        """Make the folder."""
        files.FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)

    def check_for_setup_error(self) -> None:
        """Nothing can be wrong with a folder."""

    def create_volume(self, volume: Any) -> None:
        """Make an empty volume."""
        files.create(files.path_of(volume["id"]), volume["size"])

    def delete_volume(self, volume: Any) -> None:
        """Remove the volume and its data."""
        file = files.path_of(volume["id"])
        volumes.release(str(file))
        files.delete(file)

    def extend_volume(self, volume: Any, new_size: int) -> None:
        """Let the volume grow; an attached one grows in its guest too."""
        file = files.path_of(volume["id"])
        files.extend(file, new_size)
        volumes.resize(str(file))

    def create_snapshot(self, snapshot: Any) -> None:
        """Keep a copy of the volume."""
        source = files.path_of(snapshot["volume_id"])
        files.copy(source, files.path_of(snapshot["id"]), snapshot["volume_size"])

    def delete_snapshot(self, snapshot: Any) -> None:
        """Remove the copy."""
        files.delete(files.path_of(snapshot["id"]))

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None:
        """Make a volume of what was kept."""
        files.copy(files.path_of(snapshot["id"]), files.path_of(volume["id"]), volume["size"])

    def create_cloned_volume(self, volume: Any, src_vref: Any) -> None:
        """Make a volume of another's present data."""
        files.copy(files.path_of(src_vref["id"]), files.path_of(volume["id"]), volume["size"])

    def initialize_connection(self, volume: Any, connector: Any, initiator_data: Any = None) -> dict[str, Any]:
        """Tell the compute driver where the volume is."""
        data = {"volume_id": volume["id"], "path": str(files.path_of(volume["id"])), "access_mode": "rw"}
        return {"driver_volume_type": PROTOCOL, "data": data}

    def terminate_connection(self, volume: Any, connector: Any, **_more: Any) -> None:
        """Give the loop device back, unless the compute driver already did."""
        volumes.release(str(files.path_of(volume["id"])))

    def ensure_export(self, context: Any, volume: Any) -> None:
        """A file needs no export."""

    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        """A file needs no export."""

    def remove_export(self, context: Any, volume: Any) -> None:
        """A file needs no export."""

    def _update_volume_stats(self) -> None:
        usage = shutil.disk_usage(files.FOLDER)
        self._stats = {
            "volume_backend_name": self.configuration.safe_get("volume_backend_name") or "loop",
            "vendor_name": "AI_INFN",
            "driver_version": self.VERSION,
            "storage_protocol": PROTOCOL,
            # Files are sparse: what volumes may hold together is limited by the quota, not by the disk.
            "total_capacity_gb": max(10 * 1024, usage.total // GIB),
            "free_capacity_gb": max(10 * 1024, usage.free // GIB),
            "thin_provisioning_support": False,
            "multiattach": False,
        }
