-- +goose Up
CREATE TABLE logs (
	id SERIAL PRIMARY KEY,
	user_id BIGINT, -- of users, in another database: no foreign key
	event VARCHAR(100)
);

-- +goose Down
DROP TABLE logs;
