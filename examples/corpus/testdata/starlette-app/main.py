import contextlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

here = Path(__file__).parent
templates = Jinja2Templates(directory=here / "templates")


@contextlib.asynccontextmanager
async def lifespan(app):
    yield {"color": "blue"}


async def home(request):
    return templates.TemplateResponse(request, "home.html", {"color": request.state.color})


async def item(request):
    return JSONResponse({"id": request.path_params["id"], "q": request.query_params.multi_items(), "body": (await request.body()).decode()})


async def stream(request):
    async def parts():
        for n in range(3):
            yield f"{n}\n"

    return StreamingResponse(parts(), media_type="text/plain")


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/", home),
        Route("/items/{id:int}", item, methods=["GET", "POST"]),
        Route("/stream", stream),
        Mount("/static", StaticFiles(directory=here / "static")),
    ],
)
