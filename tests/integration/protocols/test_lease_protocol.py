"""The lease protocol as a state machine: workers that crash, stall and come back late, hosts that go away, and time."""



