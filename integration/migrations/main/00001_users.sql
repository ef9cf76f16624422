-- +goose Up
CREATE TABLE users (
	id SERIAL PRIMARY KEY,
	name VARCHAR(100)
);

-- +goose Down
DROP TABLE users;
