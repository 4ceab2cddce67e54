// Package api serves users.
package api

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

type user struct {
	Name string `json:"name" form:"name" query:"name"`
}

// Handler serves the users.
var Handler http.Handler = server()

func server() http.Handler {
	e := echo.New()
	e.Pre(middleware.RemoveTrailingSlash())
	e.Use(middleware.Recover())
	e.GET("/users/:id", func(c echo.Context) error {
		if c.Param("id") == "0" {
			return echo.NewHTTPError(http.StatusNotFound, "no such user")
		}
		return c.JSON(http.StatusOK, echo.Map{"id": c.Param("id"), "name": c.QueryParam("name")})
	})
	e.POST("/users", func(c echo.Context) error {
		var u user
		if err := c.Bind(&u); err != nil {
			return err
		}
		return c.JSON(http.StatusCreated, u)
	})
	return e
}
