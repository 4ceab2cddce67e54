// Package unprivileged lets a test meet the file permissions that a plain user meets, also when root runs it.
package unprivileged
