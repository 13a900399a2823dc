# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Ceph cluster is asked and told. Nothing here needs more than its command line and the standard library."""
