"""mlserve measured against its peers (`python -m benchmarks`), and one request inside the process (`request_cost`)."""
