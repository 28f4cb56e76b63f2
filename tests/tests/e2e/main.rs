//! End to end: real PostgreSQL, real HTTP, real processes.

mod cluster;
