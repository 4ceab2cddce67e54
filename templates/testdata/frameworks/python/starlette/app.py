from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route


async def hello(request):
    query = request.query_params
    return JSONResponse({"name": query.get("name"), "all": query.getlist("n"), "header": request.headers.get("x-name")})


async def echo(request):
    return Response(await request.body(), media_type="application/octet-stream")


def cookies(request):
    response = PlainTextResponse("ok")
    response.set_cookie("a", "1")
    response.set_cookie("b", request.cookies.get("seen", ""))
    return response


async def stream(request):
    async def pieces():
        for n in range(3):
            yield f"{n}\n"

    return StreamingResponse(pieces(), media_type="text/plain")


async def fails(request):
    raise ValueError("raised on purpose")


app = Starlette(
    routes=[
        Route("/hello", hello),
        Route("/echo", echo, methods=["POST"]),
        Route("/cookies", cookies),
        Route("/redirect", lambda request: RedirectResponse("/hello?name=you", status_code=302)),
        Route("/stream", stream),
        Route("/path/{rest:path}", lambda request: PlainTextResponse(request.path_params["rest"])),
        Route("/raise", fails),
    ]
)
