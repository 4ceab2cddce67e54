package main

import (
	"net/http"
	"os"

	app "example.com/templates"
)

func main() { panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), app.Handler)) }
