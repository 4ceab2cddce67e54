// Package api serves albums.
package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/gin/internal/albums"
)

// Handler serves the albums.
var Handler http.Handler = engine()

func engine() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	v1 := r.Group("/v1")
	v1.GET("/albums/:id", func(c *gin.Context) {
		if a, ok := albums.ByID(c.Param("id")); ok {
			c.IndentedJSON(http.StatusOK, a)
			return
		}
		c.JSON(http.StatusNotFound, gin.H{"message": "album not found"})
	})
	v1.POST("/albums", func(c *gin.Context) {
		var a albums.Album
		if err := c.ShouldBind(&a); err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
			return
		}
		c.JSON(http.StatusCreated, a)
	})
	return r
}
