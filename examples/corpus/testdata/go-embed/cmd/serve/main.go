package main

import (
	"net/http"
	"os"

	app "example.com/embed"
)

func main() { panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), app.Handler)) }
