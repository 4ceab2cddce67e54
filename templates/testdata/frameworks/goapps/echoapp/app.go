// Package echoapp is an application of echo.
package echoapp

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// Handler is the application.
var Handler http.Handler = routes()

func routes() http.Handler {
	e := echo.New()
	e.Use(middleware.Recover())
	e.GET("/hello/:name", func(c echo.Context) error {
		return c.String(http.StatusOK, fmt.Sprintf("hello %s %v", c.Param("name"), c.QueryParams()["x"]))
	})
	e.POST("/json", func(c echo.Context) error {
		var in map[string]any
		if err := c.Bind(&in); err != nil {
			return err
		}
		return c.JSON(http.StatusCreated, in)
	})
	e.GET("/cookies", func(c echo.Context) error {
		c.SetCookie(&http.Cookie{Name: "a", Value: "1"})
		c.SetCookie(&http.Cookie{Name: "b", Value: "2"})
		return c.Redirect(http.StatusFound, "/elsewhere")
	})
	e.GET("/stream", func(c echo.Context) error {
		for n := range 3 {
			fmt.Fprintf(c.Response(), "data: %d\n\n", n)
			c.Response().Flush()
		}
		return nil
	})
	e.GET("/panic", func(echo.Context) error { panic("on purpose") })
	return e
}
