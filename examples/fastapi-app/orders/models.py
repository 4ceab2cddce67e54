"""What an order is; FastAPI checks requests against it."""

from typing import List

from pydantic import BaseModel, Field


class Line(BaseModel):
    item: str = Field(min_length=1, max_length=50)
    count: int = Field(ge=1, le=99)
    cents: int = Field(ge=0)


class NewOrder(BaseModel):
    customer: str = Field(min_length=1, max_length=100)
    lines: List[Line] = Field(min_length=1, max_length=20)


class Order(NewOrder):
    id: int
    total: int
