# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the parts that roles declare for a host."""

from __future__ import annotations


class ModuleDocFragment:
    """The option C(parts)."""

    DOCUMENTATION = r"""
options:
  parts:
    description: What belongs together, usually one part for each role.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the part, for the mark of files that are not taken over yet.
        type: str
        required: true
      downloads:
        description: Downloads.
        type: list
        elements: dict
        default: []
        suboptions:
          url:
            description: Where to download it; the lookup P(ai_infn.platform.artifact#lookup) knows.
            type: str
            required: true
          checksum:
            description: Digest of the download, as C(sha256:...).
            type: str
            required: true
          dest:
            description: Path of the file, or the folder to unpack the archive into.
            type: path
            required: true
          mode:
            description: Mode of the file, as an octal string; files of an archive keep theirs.
            type: str
            default: "0755"
          extract:
            description: Whether it is a tar archive or a Debian package to unpack.
            type: bool
            default: false
          members:
            description: Files of the archive to take. Empty takes all.
            type: list
            elements: str
            default: []
          strip:
            description: How many leading folders of the archive's names are left off.
            type: int
            default: 0
      files:
        description: The files.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Path of the file.
            type: path
            required: true
          content:
            description: Its content. Leave it out to remove the file.
            type: str
          secret_content:
            description: In place of O(parts[].files[].content), a content that no log and no difference shows. In
              base64, since Ansible hides nothing in the host's journal that has line breaks.
            type: str
          line:
            description: In place of O(parts[].files[].content), a line that a file of somebody else's must hold.
            type: str
            default: ""
          after:
            description: Regular expression of the line after which O(parts[].files[].line) is put. Empty puts it at the
              beginning.
            type: str
            default: ""
          link:
            description: In place of O(parts[].files[].content), where a symbolic link leads.
            type: str
            default: ""
          mode:
            description: Its mode, as an octal string.
            type: str
            default: "0644"
          owner:
            description: Name of its owner. Empty leaves the owner alone.
            type: str
            default: root
          group:
            description: Name of its group. Empty leaves the group alone.
            type: str
            default: root
          validate:
            description: Command that must succeed before the file is replaced; C(%s) is the path of the new one.
            type: str
            default: ""
          apply:
            description: Command to run when the file has changed; equal commands of a part run once.
            type: str
            default: ""
      before_packages:
        description: Whether packages read the part's files when they are installed. Such a part comes before them, and
          needs none of them.
        type: bool
        default: false
      needs:
        description: Paths without which the part waits. Its files are written, its commands are postponed and its
          services are left alone.
        type: list
        elements: path
        default: []
      apply_unless:
        description: Command that postpones those of the part by printing something, for example a list of running
          containers.
        type: str
        default: ""
      remedy:
        description: What to do where O(parts[].apply_unless) postpones the commands, for the message about it.
        type: str
        default: ""
      services:
        description: Services that are enabled and running afterwards.
        type: list
        elements: str
        default: []
      images:
        description: Images of containerd's namespace C(k8s.io).
        type: list
        elements: dict
        default: []
        suboptions:
          image:
            description: Reference with its tag.
            type: str
            required: true
          digest:
            description: Digest as C(sha256:...).
            type: str
            required: true
"""
