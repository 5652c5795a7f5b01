from mlserve.server.workers.worker import hide_lookalikes


def test_no_variable_of_the_process_looks_like_a_part_of_a_request() -> None:
    kept = {"PATH": "/bin", "http_proxy": "http://p", "XHTTP_X": "1", "OMP_NUM_THREADS": "1"}
    kept |= {"HTTPS_PROXY": "http://p", "CONTENT_TYPES": "x"}
    looks = ("HTTP_PROXY", "HTTP_AUTHORIZATION", "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_USER", "HTTPS")
    environ = {**kept, **dict.fromkeys(looks, "evil")}
    hide_lookalikes(environ)
    assert environ == kept
