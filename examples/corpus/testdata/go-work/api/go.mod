module example.com/work/api

go 1.24

require example.com/work/greet v0.0.0
