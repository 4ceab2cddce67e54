from contextlib import asynccontextmanager

from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse


@asynccontextmanager
async def lifespan(app):
    app.state.started = True
    yield


app = FastAPI(lifespan=lifespan)


@app.exception_handler(Exception)
async def failed(request, err):
    return JSONResponse({"failed": str(err)}, status_code=500)


@app.get("/hello")
def hello(request: Request, name: str = "nobody"):
    assert request.app.state.started
    return {"name": name, "all": request.query_params.getlist("n"), "header": request.headers.get("x-name")}


@app.post("/echo")
async def echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.get("/cookies")
def cookies(request: Request):
    response = PlainTextResponse("ok")
    response.set_cookie("a", "1")
    response.set_cookie("b", request.cookies.get("seen", ""))
    return response


@app.get("/redirect")
def elsewhere():
    return RedirectResponse("/hello?name=you", status_code=302)


@app.get("/stream")
def stream():
    return StreamingResponse((f"{n}\n" for n in range(3)), media_type="text/plain")


@app.get("/path/{rest:path}")
def path(rest: str):
    return PlainTextResponse(rest)


@app.get("/raise")
def fails():
    raise ValueError("raised on purpose")


def work():
    raise RuntimeError("in the background")


@app.get("/background")
def background(tasks: BackgroundTasks):
    tasks.add_task(work)
    return "queued"
