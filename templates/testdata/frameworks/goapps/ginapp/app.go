// Package ginapp is an application of gin.
package ginapp

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
)

// Handler is the engine.
var Handler http.Handler = routes()

func routes() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	r.GET("/hello/:name", func(c *gin.Context) { c.String(http.StatusOK, "hello %s %v", c.Param("name"), c.QueryArray("x")) })
	r.POST("/json", func(c *gin.Context) {
		var in map[string]any
		if err := c.ShouldBindJSON(&in); err != nil {
			c.String(http.StatusBadRequest, err.Error())
			return
		}
		c.JSON(http.StatusCreated, in)
	})
	r.GET("/cookies", func(c *gin.Context) {
		http.SetCookie(c.Writer, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(c.Writer, &http.Cookie{Name: "b", Value: "2"})
		c.Redirect(http.StatusFound, "/elsewhere")
	})
	r.GET("/stream", func(c *gin.Context) {
		n := 0
		c.Stream(func(w io.Writer) bool {
			c.SSEvent("", n)
			n++
			return n < 3
		})
	})
	r.GET("/panic", func(*gin.Context) { panic("on purpose") })
	return r
}
