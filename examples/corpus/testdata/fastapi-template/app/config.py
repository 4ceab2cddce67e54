from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file="../.env", extra="ignore")
    api: str = "/api/v1"
    project_name: str = "Template"


settings = Settings()
