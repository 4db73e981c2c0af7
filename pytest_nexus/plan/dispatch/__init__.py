"""Which worker gets which tests next: a state machine of events in and commands out."""
