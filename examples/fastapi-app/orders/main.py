"""The application: state made once at startup, validation by model, a streamed export."""

import asyncio
import contextlib
import csv
import io
import itertools

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from .models import NewOrder, Order


@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.orders = {}
    app.state.numbers = itertools.count(1)
    yield


app = FastAPI(title="orders", lifespan=lifespan)


@app.get("/healthz")
async def healthz(request: Request):
    return {"status": "ok", "orders": len(request.app.state.orders)}


@app.post("/orders", status_code=201)
async def create(new: NewOrder, request: Request, response: Response) -> Order:
    number = next(request.app.state.numbers)
    total = sum(line.count * line.cents for line in new.lines)
    order = Order(id=number, total=total, **new.model_dump())
    request.app.state.orders[number] = order
    response.headers["Location"] = f"/orders/{number}"
    return order


@app.get("/orders/{number}")
async def read(number: int, request: Request) -> Order:
    order = request.app.state.orders.get(number)
    if order is None:
        raise HTTPException(404, "no such order")
    return order


@app.get("/orders.csv")
async def export(request: Request):
    async def rows():
        yield "id,customer,total\r\n"
        for order in list(request.app.state.orders.values()):
            line = io.StringIO()
            csv.writer(line).writerow([order.id, order.customer, order.total])
            yield line.getvalue()
            await asyncio.sleep(0)

    return StreamingResponse(rows(), media_type="text/csv")
