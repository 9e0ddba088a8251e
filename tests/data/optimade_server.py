"""Serves the file of its first argument by the server of optimade-python-tools.

On a port of the loopback that the second names, in pages of two.
"""

import os
import sys

if __name__ == "__main__":
    path, port = sys.argv[1:]
    os.environ |= {
        "OPTIMADE_INSERT_FROM_JSONL": path,
        "OPTIMADE_INSERT_TEST_DATA": "false",
        "OPTIMADE_DATABASE_BACKEND": "mongomock",
        "OPTIMADE_BASE_URL": f"http://127.0.0.1:{port}",
        "OPTIMADE_PAGE_LIMIT": "2",
        "OPTIMADE_LOG_DIR": os.path.dirname(path),
        "OPTIMADE_PROVIDER": '{"prefix": "mine", "name": "m", "description": "m"}',
        "OPTIMADE_PROVIDER_FIELDS": '{"structures": ["gap"]}',
    }
    import uvicorn
    from optimade.server.main import app

    uvicorn.run(app, port=int(port), log_level="warning")
