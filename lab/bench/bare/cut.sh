# What upstream's own manager does once the node is empty: cut, and have the device plugin look again.
cat >/tmp/mig.yml <<'END'
@CONFIGURATION@
END
nvidia-mig-parted apply --config-file /tmp/mig.yml --selected-config @SELECTED@
pkill --signal HUP --full '(^|/)nvidia-device-plugin$'
