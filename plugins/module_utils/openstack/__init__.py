# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A site's project in an OpenStack cloud: what is wanted, what is there, and the steps between."""
