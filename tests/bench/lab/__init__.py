"""What the benchmarks share: processes and their cost, SIPp, the systems under test, the switch's HTTP API."""
