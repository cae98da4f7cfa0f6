//! Certificates: authorities, leaves, and their renewal before they expire.
