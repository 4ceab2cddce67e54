import emails.template
import jwt
import sentry_sdk
from fastapi import FastAPI, Form, HTTPException
from passlib.context import CryptContext
from pydantic import EmailStr
from sqlmodel import Field, Session, SQLModel, create_engine, select
from sqlmodel.pool import StaticPool

from app.config import settings

sentry_sdk.init(dsn=None)
passwords = CryptContext(schemes=["bcrypt"], deprecated="auto", bcrypt__rounds=4)
engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)


class User(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    email: str


class NewUser(SQLModel):
    email: EmailStr


SQLModel.metadata.create_all(engine)
with Session(engine) as session:
    session.add(User(email="ann@example.com"))
    session.commit()
app = FastAPI(title=settings.project_name, openapi_url=f"{settings.api}/openapi.json")


@app.get(f"{settings.api}/users")
def users(skip: int = 0) -> list[NewUser]:
    with Session(engine) as session:
        return [NewUser(email=user.email) for user in session.exec(select(User).offset(skip))]


@app.post(f"{settings.api}/users", status_code=201)
def add(user: NewUser) -> NewUser:
    return user


@app.post(f"{settings.api}/login")
def login(username: str = Form(), password: str = Form()) -> dict:
    if not passwords.verify(password, passwords.hash("secret")):
        raise HTTPException(400, "Incorrect password")
    return jwt.decode(jwt.encode({"sub": username}, "k" * 32, "HS256"), "k" * 32, ["HS256"])


@app.get(f"{settings.api}/mail")
def mail() -> str:
    return emails.template.JinjaTemplate("<p>{{ name }}</p>").render(name="ann")
