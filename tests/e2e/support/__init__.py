# SPDX-License-Identifier: GPL-2.0-or-later
"""What the end-to-end tests stand on: a daemon apart, clients, images, and the leak ledger."""
