package org.openapitools.jackson.nullable;

import java.util.NoSuchElementException;
import java.util.Objects;

/**
 * Stands in for the class of jackson-databind-nullable, which Debian lacks: a property that is absent, null, or has a
 * value. Programs outside of this test use the real one, which the generated pom.xml names.
 */
public final class JsonNullable<T> {
  private static final JsonNullable<?> UNDEFINED = new JsonNullable<>(null, false);

  private final T value;
  private final boolean present;

  private JsonNullable(T value, boolean present) {
    this.value = value;
    this.present = present;
  }

  @SuppressWarnings("unchecked")
  public static <T> JsonNullable<T> undefined() {
    return (JsonNullable<T>) UNDEFINED;
  }

  public static <T> JsonNullable<T> of(T value) {
    return new JsonNullable<>(value, true);
  }

  public boolean isPresent() {
    return present;
  }

  public T get() {
    if (!present) {
      throw new NoSuchElementException("Value is undefined");
    }
    return value;
  }

  public T orElse(T other) {
    return present ? value : other;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof JsonNullable<?> o && present == o.present && Objects.equals(value, o.value);
  }

  @Override
  public int hashCode() {
    return Objects.hash(value, present);
  }
}
