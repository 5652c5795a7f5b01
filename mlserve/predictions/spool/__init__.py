"""The spool: what a worker appends before it answers, until the shipper has brought it into SQL."""
