"""What is compared with no server's code: programs of their own, which import little."""
