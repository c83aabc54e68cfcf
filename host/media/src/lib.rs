//! What the media relay decides, sans-IO: streams, ports, address learning.
