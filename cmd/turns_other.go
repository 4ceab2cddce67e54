//go:build !linux

package cmd

func waitTurns() {}
